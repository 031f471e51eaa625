import { byId, element } from '../dom.js';
import { drawCurve } from '../chart.js';
import { Work, ask } from '../stream.js';

const LongestFile = 64 * 1024;

/** Reads a line: JSON with a question (or prompt) and an answer (or completion), or both with a bar, a tab or a semicolon between. */
function exampleOf(line, number) {
  if (line.startsWith('{')) {
    const { question, prompt, answer, completion } = JSON.parse(line);
    return { question: question ?? prompt ?? '', answer: answer ?? completion ?? '' };
  }
  const parts = line.split(/[|\t;]/);
  if (parts.length < 2) throw new Error(`Line ${number} has no bar between question and answer.`);
  return { question: parts[0].trim(), answer: parts.slice(1).join(' ').trim() };
}

function examplesOf(text) {
  return text.split('\n').map((line, i) => [line.trim(), i + 1]).filter(([line]) => line).map(([line, i]) => exampleOf(line, i));
}

/** Teaching the model with examples, and the choice of what answers. */
export async function startTeaching(adapter) {
  const form = byId('teach-form');
  const [error, remove] = ['teach-error', 'teach-remove'].map(byId);
  const work = new Work({
    start: form.querySelectorAll('[type=submit]'),
    stop: byId('teach-stop'),
    status: byId('teach-status'),
    error,
    progress: byId('teach-progress'),
  });

  function show(names, chosen) {
    adapter.replaceChildren(
      element('option', { value: '' }, 'the model as it was trained'), ...names.map(name => element('option', { value: name }, name)));
    adapter.value = chosen;
    remove.hidden = !adapter.value;
  }

  form.addEventListener('submit', async event => {
    event.preventDefault();
    let examples;
    try {
      examples = examplesOf(form.examples.value);
    } catch (e) {
      error.textContent = e.message;
      return;
    }
    await work.run('/api/chat/adapters', { name: form.elements.name.value.trim(), examples }, {
      progress: data => {
        work.progress(data.step / data.totalSteps, `Training, step ${data.step} of ${data.totalSteps}`);
        drawCurve(byId('teach-curve'), data.curve);
      },
      trained: data => {
        show(data.adapters, data.name);
        byId('teach-status').textContent = `${data.name} has learned ${examples.length} ${examples.length === 1 ? 'example' : 'examples'}, and answers now.`;
      },
    });
  });
  byId('teach-file').addEventListener('change', async event => {
    const [file] = event.target.files;
    if (!file) return;
    error.textContent = file.size > LongestFile ? `The file has more than ${LongestFile / 1024} KB.` : '';
    if (file.size <= LongestFile) form.examples.value = await file.text();
  });
  adapter.addEventListener('change', () => { remove.hidden = !adapter.value; });
  remove.addEventListener('click', async () => {
    try {
      await ask(`/api/chat/adapters/${encodeURIComponent(adapter.value)}`, { method: 'DELETE' });
      show(await ask('/api/chat/adapters'), '');
    } catch (e) {
      error.textContent = e.message;
    }
  });
  // Who is quick has chosen meanwhile.
  const names = await ask('/api/chat/adapters');
  show(names, adapter.value);
}
