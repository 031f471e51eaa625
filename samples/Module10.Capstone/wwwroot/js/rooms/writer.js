import { byId, element } from '../dom.js';
import { drawCurve } from '../chart.js';
import { Work, ask } from '../stream.js';

/** The room for a domain's texts. */
export async function startWriter() {
  startLearning();
  startContinuing();
  const { hasLearned } = await ask('/api/writer');
  if (hasLearned) offerLearned();
}

function offerLearned() {
  const { writer } = byId('continue-form').elements;
  writer.options[1].disabled = false;
  writer.value = 'learned';
}

function startLearning() {
  const form = byId('learn-form');
  const text = byId('learn-text');
  const work = new Work({
    start: form.querySelectorAll('[type=submit]'),
    stop: byId('learn-stop'),
    status: byId('learn-status'),
    error: byId('learn-error'),
    progress: byId('learn-progress'),
  });
  const measured = (row, data) => {
    byId(`${row}-perplexity`).textContent = data ? data.perplexity.toFixed(1) : '–';
    byId(`${row}-bits`).textContent = data ? data.bitsPerByte.toFixed(2) : '–';
  };
  form.addEventListener('submit', async event => {
    event.preventDefault();
    byId('learn-samples').replaceChildren();
    measured('before');
    measured('after');
    let step = 0;
    await work.run('/api/writer/learn', text.value, {
      before: data => measured('before', data),
      progress: data => {
        step = data.step;
        work.progress(data.step / data.totalSteps, `Learning, step ${data.step} of ${data.totalSteps}`);
        drawCurve(byId('learn-curve'), data.curve);
      },
      sample: data => byId('learn-samples').append(element('li', {}, `Step ${step}: ${data.text}`)),
      after: data => {
        measured('after', data);
        offerLearned();
        byId('learn-status').textContent = 'Your text is learned. Continue a text below.';
      },
    });
  });
  byId('learn-file').addEventListener('change', async event => {
    const [file] = event.target.files;
    if (!file) return;
    const { mostBytes } = await ask('/api/writer');
    const bytes = new Uint8Array(await file.slice(0, mostBytes + 1).arrayBuffer());
    byId('learn-error').textContent = '';
    try {
      if (bytes.length > mostBytes) throw new Error(`The file has more than ${mostBytes.toLocaleString('en')} bytes. Choose a part of it.`);
      text.value = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (e) {
      byId('learn-error').textContent = e instanceof TypeError ? 'The file is not text in UTF-8. Save it as UTF-8.' : e.message;
    }
  });
}

function startContinuing() {
  const form = byId('continue-form');
  const result = byId('continue-result');
  const work = new Work({
    start: form.querySelectorAll('[type=submit]'),
    stop: byId('continue-stop'),
    status: byId('continue-status'),
    error: byId('continue-error'),
  });
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const { prompt, writer, temperature, tokens, seed } = form.elements;
    const written = element('span');
    result.replaceChildren(element('b', {}, prompt.value), written);
    result.hidden = false;
    await work.run('/api/writer/continue', {
      prompt: prompt.value,
      hasLearned: writer.value === 'learned',
      temperature: Number(temperature.value),
      tokens: Number(tokens.value),
      seed: Number(seed.value),
    }, { text: data => { written.textContent += data.text; } });
  });
}
