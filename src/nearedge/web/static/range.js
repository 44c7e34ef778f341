// A plain range field: keyboards and screen readers know it, which they do not of a drawn slider.
export default {
  template: `<input type="range" class="ne-range-field" :min="least" :max="most" :step="step" v-model.number="at"
    :aria-label="label" :aria-valuetext="at.toFixed(2) + ' ' + unit" @input="$emit('moved', at)">`,
  props: { least: Number, most: Number, step: Number, value: Number, label: String, unit: String },
  data() {
    return { at: this.value };
  },
  methods: {
    put(value) {
      this.at = value;
    },
  },
};
