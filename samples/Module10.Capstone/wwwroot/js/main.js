import { byId } from './dom.js';
import { watchStatus } from './status.js';
import { startArt } from './rooms/art.js';
import { startChat } from './rooms/chat.js';
import { startMusic } from './rooms/music.js';
import { startWriter } from './rooms/writer.js';

const rooms = { art: startArt, chat: startChat, music: startMusic, writer: startWriter };
const started = new Set();

function open() {
  const name = Object.hasOwn(rooms, location.hash.slice(1)) ? location.hash.slice(1) : 'art';
  for (const section of document.querySelectorAll('.room')) section.hidden = section.id !== name;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${byId(`${name}-title`).textContent} – Generative models, room by room`;
  if (!started.has(name)) {
    started.add(name);
    rooms[name]();
  }
}

addEventListener('hashchange', open);
open();
watchStatus();
