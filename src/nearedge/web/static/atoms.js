// Atoms around a site, drawn on a canvas: no WebGL, so that it works on any machine. Drag or use
// the arrow keys to rotate, the wheel or + and - to zoom.
export default {
  template: `<div class="ne-atoms"><canvas ref="canvas" tabindex="0" role="img" :aria-label="label"
    @pointerdown="grab" @pointermove="drag" @pointerup="held = null" @pointercancel="held = null"
    @wheel.prevent="wheel" @keydown="key"></canvas></div>`,
  props: { positions: Array, bonds: Array, colours: Array, radii: Array, label: String },
  data: () => ({ held: null, zoom: 1 }),
  mounted() {
    this.turn = [[0.84, -0.2, 0.5], [0, 0.93, 0.37], [-0.54, -0.31, 0.78]];
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.$refs.canvas);
    // The theme changes the colour of bonds.
    this.theme = new MutationObserver(() => this.draw());
    this.theme.observe(document.body, { attributes: true, attributeFilter: ["class"] });
    this.draw();
  },
  unmounted() {
    this.observer.disconnect();
    this.theme.disconnect();
  },
  watch: { positions() { this.draw(); } },
  methods: {
    grab(event) {
      this.held = [event.clientX, event.clientY];
      event.target.setPointerCapture(event.pointerId);
    },
    drag(event) {
      if (!this.held) return;
      this.rotate((event.clientX - this.held[0]) / 120, (event.clientY - this.held[1]) / 120);
      this.held = [event.clientX, event.clientY];
    },
    wheel(event) { this.scale(Math.exp(-event.deltaY / 600)); },
    key(event) {
      const by = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] }[event.key];
      if (by) this.rotate(...by);
      else if (event.key === "+") this.scale(1.15);
      else if (event.key === "-") this.scale(1 / 1.15);
      else return;
      event.preventDefault();
    },
    scale(by) {
      this.zoom = Math.min(4, Math.max(0.5, this.zoom * by));
      this.draw();
    },
    rotate(across, down) {
      const [c, s, d, t] = [Math.cos(across), Math.sin(across), Math.cos(down), Math.sin(down)];
      const step = [[c, 0, s], [s * t, d, -c * t], [-s * d, t, c * d]];
      this.turn = step.map((row) => [0, 1, 2].map((j) => row[0] * this.turn[0][j] + row[1] * this.turn[1][j] + row[2] * this.turn[2][j]));
      this.draw();
    },
    draw() {
      const canvas = this.$refs.canvas;
      if (!canvas || !canvas.clientWidth) return;
      const ratio = window.devicePixelRatio || 1;
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      canvas.width = width * ratio;
      canvas.height = height * ratio;
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      const style = getComputedStyle(document.body);
      const unit = (Math.min(width, height) / 9.6) * this.zoom;
      const at = this.positions.map((p) => {
        const [x, y, z] = this.turn.map((row) => row[0] * p[0] + row[1] * p[1] + row[2] * p[2]);
        const near = 16 / (16 - z);
        return [width / 2 + x * unit * near, height / 2 - y * unit * near, z, near];
      });
      const parts = [
        ...at.map((p, i) => ({ z: p[2], draw: () => this.ball(pen, p, i, unit, style) })),
        ...this.bonds.map(([i, j]) => ({ z: (at[i][2] + at[j][2]) / 2 - 0.2, draw: () => this.stick(pen, at[i], at[j], unit, i === 0 || j === 0, style) })),
      ];
      for (const part of parts.sort((a, b) => a.z - b.z)) part.draw();
    },
    stick(pen, a, b, unit, own, style) {
      pen.strokeStyle = style.getPropertyValue(own ? "--ink" : "--soft");
      pen.globalAlpha = own ? 0.85 : 0.35;
      pen.lineWidth = unit * (own ? 0.17 : 0.1);
      pen.lineCap = "round";
      pen.beginPath();
      pen.moveTo(a[0], a[1]);
      pen.lineTo(b[0], b[1]);
      pen.stroke();
      pen.globalAlpha = 1;
    },
    ball(pen, [x, y, , near], i, unit, style) {
      const colour = this.colours[i];
      const radius = this.radii[i] * unit * near * (i === 0 ? 1.15 : 1);
      const shade = pen.createRadialGradient(x - radius * 0.35, y - radius * 0.4, radius * 0.1, x, y, radius);
      shade.addColorStop(0, "#ffffff");
      shade.addColorStop(0.35, colour);
      shade.addColorStop(1, `color-mix(in srgb, ${colour} 62%, black)`);
      pen.fillStyle = shade;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fill();
      if (i === 0) {
        pen.strokeStyle = style.getPropertyValue("--accent");
        pen.lineWidth = 3;
        pen.beginPath();
        pen.arc(x, y, radius + 4, 0, 2 * Math.PI);
        pen.stroke();
      }
    },
  },
};
