import { byId, element, newSeed } from '../dom.js';
import { Work } from '../stream.js';
import { startTeaching } from './teach.js';

/** The room for conversations. */
export function startChat() {
  const form = byId('chat-form');
  const input = byId('chat-input');
  const log = byId('chat-log');
  const adapter = byId('chat-adapter');
  let messages = [];
  const work = new Work({
    start: [form.querySelector('[type=submit]'), byId('chat-new')],
    stop: byId('chat-stop'),
    status: byId('chat-status'),
    error: byId('chat-error'),
  });
  startTeaching(adapter);

  function show() {
    log.replaceChildren(...messages.map(({ role, content }, i) => {
      const isLast = i === messages.length - 1;
      const item = element('li', { class: role },
        element('p', { class: 'who' }, role === 'user' ? 'You' : 'The model'),
        element('p', { class: 'what' }, content));
      if (work.isRunning) return item;
      if (role === 'user') item.append(element('button', { type: 'button', onclick: () => edit(i) }, 'Edit'));
      else if (isLast) item.append(element('button', { type: 'button', onclick: regenerate }, 'Regenerate'));
      return item;
    }));
    log.scrollTop = log.scrollHeight;
  }

  async function answer(seed) {
    const request = {
      messages: [...messages],
      system: form.system.value,
      temperature: Number(form.temperature.value),
      adapter: adapter.value,
      seed,
    };
    const reply = { role: 'assistant', content: '' };
    messages.push(reply);
    const running = work.run('/api/chat/reply', request, {
      text: data => {
        reply.content = (reply.content + data.text).trimStart();
        log.lastChild.querySelector('.what').textContent = reply.content;
        log.scrollTop = log.scrollHeight;
      },
      answer: data => {
        byId('chat-status').textContent = `${data.tokens} tokens in ${data.seconds.toFixed(1)} s.`;
      },
    });
    show();
    await running;
    // A stopped answer is kept as far as it came.
    if (!reply.content) messages = messages.filter(message => message !== reply);
    show();
  }

  function edit(index) {
    input.value = messages[index].content;
    messages = messages.slice(0, index);
    show();
    input.focus();
  }

  function regenerate() {
    messages.pop();
    answer(newSeed());
  }

  form.addEventListener('submit', event => {
    event.preventDefault();
    const content = input.value.trim();
    if (!content || work.isRunning) return;
    messages.push({ role: 'user', content });
    input.value = '';
    answer(newSeed());
  });
  input.addEventListener('keydown', event => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  byId('chat-new').addEventListener('click', () => {
    messages = [];
    show();
    input.focus();
  });
}
