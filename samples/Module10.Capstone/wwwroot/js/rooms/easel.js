const Side = 24;

/** Draws an image onto a canvas of the model's size. */
async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = new OffscreenCanvas(Side, Side);
  // The middle square of what is not square.
  const length = Math.min(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = length % Side !== 0;
  context.drawImage(
    image, (image.naturalWidth - length) / 2, (image.naturalHeight - length) / 2, length, length, 0, 0, Side, Side);
  return canvas;
}

/** An image, and the part of it that is marked with a brush. */
export class Easel {
  #canvas;
  #context;
  #brush;
  #source = null;
  #marks = new Uint8Array(Side * Side);

  constructor(canvas, brush) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { willReadFrequently: true });
    this.#brush = brush;
    canvas.addEventListener('pointerdown', event => {
      canvas.setPointerCapture(event.pointerId);
      this.#mark(event);
    });
    canvas.addEventListener('pointermove', event => event.buttons && this.#mark(event));
    for (const button of document.querySelectorAll('[data-mark]')) {
      button.addEventListener('click', () => this.markHalf(button.dataset.mark));
    }
  }

  async show(url) {
    this.#source = await load(url);
    this.#marks.fill(0);
    this.#draw();
  }

  /** A file of the visitor as the URL of an image of the model's size; it never leaves the page as it is. */
  async read(file) {
    const url = URL.createObjectURL(file);
    try {
      this.#source = await load(url);
    } finally {
      URL.revokeObjectURL(url);
    }
    return this.image();
  }

  markHalf(half) {
    for (let i = 0; i < this.#marks.length; i++) {
      const [x, y] = [i % Side, Math.floor(i / Side)];
      this.#marks[i] = { left: x < Side / 2, right: x >= Side / 2, top: y < Side / 2, bottom: y >= Side / 2, none: false }[half];
    }
    this.#draw();
  }

  image() {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = Side;
    canvas.getContext('2d').drawImage(this.#source, 0, 0);
    return canvas.toDataURL('image/png');
  }

  mask() {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = Side;
    const context = canvas.getContext('2d');
    const pixels = context.createImageData(Side, Side);
    this.#marks.forEach((mark, i) => pixels.data.set([255 * mark, 255 * mark, 255 * mark, 255], 4 * i));
    context.putImageData(pixels, 0, 0);
    return canvas.toDataURL('image/png');
  }

  #mark(event) {
    const box = this.#canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width * Side, (event.clientY - box.top) / box.height * Side];
    const radius = Number(this.#brush.value);
    for (let i = 0; i < this.#marks.length; i++) {
      if (Math.hypot(i % Side + 0.5 - x, Math.floor(i / Side) + 0.5 - y) <= radius) this.#marks[i] = 1;
    }
    this.#draw();
  }

  #draw() {
    const context = this.#context;
    context.drawImage(this.#source, 0, 0);
    const pixels = context.getImageData(0, 0, Side, Side);
    this.#marks.forEach((mark, i) => {
      if (!mark) return;
      // A checkered pattern is seen on every color.
      const value = (i + Math.floor(i / Side)) % 2 ? 60 : 200;
      pixels.data.set([value, value, value, 255], 4 * i);
    });
    context.putImageData(pixels, 0, 0);
  }
}
