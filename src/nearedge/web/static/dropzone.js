// A place to drop files or to choose them; sends them in one request and tells how it went.
export default {
  template: `
    <label class="ne-drop" :class="{ over }" @dragenter.prevent="over = true" @dragover.prevent="over = true"
           @dragleave="over = false" @drop.prevent="drop">
      <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" aria-hidden="true">
        <path d="M3 17c3 0 3-11 5.5-11S11 13 13 13s1.5-3 3.5-3 2 4 4.5 4" stroke-linecap="round"/>
      </svg>
      <b>{{ busy ? 'Reading …' : 'Drop spectra here' }}</b>
      <small>or click to choose files</small>
      <input type="file" multiple :disabled="busy" @change="choose" aria-label="Choose files with spectra">
    </label>`,
  props: { url: String, most: Number, mostText: String },
  data: () => ({ over: false, busy: false }),
  methods: {
    choose(event) {
      this.send([...event.target.files]);
      event.target.value = "";
    },
    drop(event) {
      this.over = false;
      this.send([...event.dataTransfer.files]);
    },
    async send(files) {
      if (!files.length || this.busy) return;
      if (files.reduce((sum, file) => sum + file.size, 0) > this.most) {
        this.$emit("failed", this.mostText);
        return;
      }
      const form = new FormData();
      for (const file of files) form.append("files", file, file.name);
      this.busy = true;
      try {
        const answer = await fetch(this.url, { method: "POST", body: form });
        if (!answer.ok) {
          const said = await answer.json().catch(() => ({}));
          this.$emit("failed", said.error || `the server answered ${answer.status}`);
        }
      } catch {
        this.$emit("failed", "the server does not answer; is it still running?");
      } finally {
        this.busy = false;
      }
    },
  },
};
