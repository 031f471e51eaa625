import { byId, element } from '../dom.js';
import { ask } from '../stream.js';
import { Tones } from './tones.js';

const Names = ['C', 'C♯', 'D', 'E♭', 'E', 'F', 'F♯', 'G', 'A♭', 'A', 'B♭', 'B'];
const [Lowest, Highest, First] = [60, 81, 67];
const Most = 64;
const Empty = 'No notes yet.';

const nameOf = pitch => `${Names[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

// "G4", "G4 for a half", "rest"; a quarter goes without saying.
function describe({ pitch, quarters }) {
  const name = pitch === null ? 'rest' : nameOf(pitch);
  return quarters === 1 ? name : `${name} ×${quarters === 0.5 ? '½' : quarters}`;
}

/** A melody that is played on a keyboard of buttons, with its tones. */
export class Melody {
  notes = [];
  #tones = new Tones();
  #keys = new Map();

  constructor() {
    for (let pitch = Lowest; pitch <= Highest; pitch++) {
      this.#keys.set(pitch, element('button', {
        type: 'button',
        class: Names[pitch % 12].length > 1 ? 'black' : 'white',
        'aria-label': nameOf(pitch),
        tabindex: pitch === First ? 0 : -1,
        onclick: () => this.#add(pitch),
        onkeydown: event => this.#move(event, pitch),
      }, pitch % 12 ? '' : nameOf(pitch)));
    }
    byId('piano').append(...this.#keys.values());
    byId('melody-rest').addEventListener('click', () => this.#add(null));
    byId('melody-undo').addEventListener('click', () => this.#set(this.notes.slice(0, -1), 'Taken back.'));
    byId('melody-clear').addEventListener('click', () => this.#set([], 'Cleared.'));
    byId('melody-play').addEventListener('click', () => this.#playAll());
    byId('melody-file').addEventListener('change', event => this.#read(event.target));
    this.#set([], '');
  }

  // One of the keys is reached with Tab, the others from there with the arrows.
  #move(event, pitch) {
    const to = { ArrowRight: pitch + 1, ArrowLeft: pitch - 1, Home: Lowest, End: Highest }[event.key];
    if (!this.#keys.has(to)) return;
    event.preventDefault();
    this.#choose(to);
    this.#keys.get(to).focus();
  }

  #choose(pitch) {
    for (const [other, key] of this.#keys) key.tabIndex = other === pitch ? 0 : -1;
  }

  #add(pitch) {
    const note = { pitch, quarters: Number(byId('note-length').value) };
    if (pitch !== null) {
      this.#choose(pitch);
      this.#tones.play([note]);
    }
    if (this.notes.length < Most) this.#set([...this.notes, note], `${describe(note)}.`);
    else byId('melody-said').textContent = `A melody has ${Most} notes at most.`;
  }

  #set(notes, said) {
    this.notes = notes;
    byId('melody-error').textContent = '';
    byId('melody-said').textContent = said && `${said} ${notes.length} ${notes.length === 1 ? 'note' : 'notes'}.`;
    byId('melody').textContent = notes.map(describe).join(', ') || Empty;
    for (const id of ['melody-undo', 'melody-clear', 'melody-play']) byId(id).disabled = !notes.length;
  }

  #playAll() {
    this.#tones.play(this.notes, Number(byId('music-form').tempo.value), (pitch, isOn) =>
      this.#keys.get(pitch)?.classList.toggle('sounding', isOn));
  }

  async #read(input) {
    const [file] = input.files;
    if (!file) return;
    try {
      const { notes } = await ask('/api/music/melody', { method: 'POST', body: file });
      this.#set(notes, `${file.name} is read.`);
    } catch (e) {
      byId('melody-error').textContent = e.message;
    }
    input.value = '';
  }
}
