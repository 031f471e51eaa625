import { element } from './dom.js';
import { drawCurve } from './chart.js';

const ready = new Set();
const waiting = new Map();

/** Calls back when the model of a room can be used. */
export function whenReady(name, callback) {
  if (ready.has(name)) callback();
  else waiting.set(name, [...(waiting.get(name) ?? []), callback]);
}

function timeLeft(seconds) {
  if (seconds < 60) return 'less than a minute left';
  const minutes = Math.round(seconds / 60);
  return `about ${minutes} ${minutes === 1 ? 'minute' : 'minutes'} left`;
}

function show(box, status) {
  const percent = status.totalSteps ? Math.floor(100 * status.step / status.totalSteps) : 0;
  const message = {
    waiting: 'This room opens when its model is trained. Others are trained before.',
    loading: 'The model is being loaded.',
    training: `The model is being trained: ${percent} %, ${timeLeft(status.secondsLeft)}.`,
    failed: `This room has no model: ${status.error}`,
  }[status.state];
  box.hidden = !message;
  if (!message) return;
  // A room may have several models.
  const text = box.dataset.title ? `${box.dataset.title}: ${message}` : message;
  if (!box.firstChild) box.append(element('p'), element('progress', { max: 1, 'aria-label': 'Training' }), element('div', { class: 'curve-box' }));
  const [line, bar, curve] = box.children;
  if (line.textContent !== text) line.textContent = text;
  bar.hidden = status.state !== 'training';
  bar.value = percent / 100;
  drawCurve(curve, status.curve ?? []);
}

/** Shows in each room how far its model is, until all are there. */
export function watchStatus() {
  const source = new EventSource('/api/status/events');
  source.addEventListener('status', event => {
    for (const status of JSON.parse(event.data)) {
      for (const box of document.querySelectorAll(`.training[data-model="${status.name}"]`)) show(box, status);
      if (status.state === 'ready' && !ready.has(status.name)) {
        ready.add(status.name);
        for (const callback of waiting.get(status.name) ?? []) callback();
      }
    }
  });
  source.addEventListener('done', () => source.close());
}
