import { byId, download, valuesOf } from '../dom.js';
import { Work } from '../stream.js';

const FramesPerSecond = 8;

/** The walk from one image to another, as a video that can be paused. */
export function startWalk() {
  const form = byId('walk-form');
  const [canvas, slider, play, save] = ['walk-canvas', 'walk-frame', 'walk-play', 'walk-save'].map(byId);
  const work = new Work({
    start: form.querySelectorAll('[type=submit]'),
    stop: byId('walk-stop'),
    status: byId('walk-status'),
    error: byId('walk-error'),
    progress: byId('walk-progress'),
  });
  let frames = [];
  let timer = 0;
  let direction = 1;

  function show(index) {
    slider.value = index;
    slider.setAttribute('aria-valuetext', `${index + 1} of ${frames.length}`);
    const context = canvas.getContext('2d');
    context.imageSmoothingEnabled = false;
    context.drawImage(frames[index], 0, 0, canvas.width, canvas.height);
  }

  // To the last image and back.
  function step() {
    const index = Number(slider.value);
    if (index + direction < 0 || index + direction >= frames.length) direction = -direction;
    show(index + direction);
  }

  function run(isRunning) {
    clearInterval(timer);
    timer = isRunning ? setInterval(step, 1000 / FramesPerSecond) : 0;
    play.textContent = isRunning ? 'Pause' : 'Play';
  }

  async function record() {
    run(false);
    const recorder = new MediaRecorder(canvas.captureStream(FramesPerSecond));
    const parts = [];
    recorder.ondataavailable = event => parts.push(event.data);
    recorder.onstop = () => download(new Blob(parts, { type: recorder.mimeType }), 'walk.webm');
    show(0);
    direction = 1;
    recorder.start();
    run(true);
    setTimeout(() => {
      run(false);
      recorder.stop();
    }, 2000 * frames.length / FramesPerSecond);
  }

  form.addEventListener('submit', async event => {
    event.preventDefault();
    run(false);
    await work.run('/api/art/walk', valuesOf(form), {
      preview: data => work.progress(data.step / data.totalSteps, `Denoising, step ${data.step} of ${data.totalSteps}`),
      images: async data => {
        frames = await Promise.all(data.images.map(async url => {
          const image = new Image();
          image.src = url;
          await image.decode();
          return image;
        }));
        slider.max = frames.length - 1;
        byId('walk-player').hidden = false;
        byId('walk-status').textContent = `${frames.length} images.`;
        direction = 1;
        show(0);
        run(!matchMedia('(prefers-reduced-motion: reduce)').matches);
      },
    });
  });
  slider.addEventListener('input', () => {
    run(false);
    show(Number(slider.value));
  });
  play.addEventListener('click', () => run(!timer));
  save.hidden = typeof MediaRecorder === 'undefined';
  save.addEventListener('click', record);
}
