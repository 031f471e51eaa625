import { byId, element, newSeed, valuesOf } from '../dom.js';
import { Work, ask, errorOf } from '../stream.js';
import { Melody } from './melody.js';

/** The room for music. */
export async function startMusic() {
  const form = byId('music-form');
  const melody = new Melody();
  const player = new Player();
  const work = new Work({
    start: [form.querySelector('[type=submit]'), ...['music-again', 'music-continue', 'music-harmonize'].map(byId)],
    stop: byId('music-stop'),
    status: byId('music-status'),
    error: byId('music-error'),
    progress: byId('music-progress'),
  });

  async function compose(path, notes = []) {
    const request = { ...valuesOf(form), hasFourVoices: form.hasFourVoices.checked, notes };
    let piece = null;
    // On a phone, the keyboard is below the piece.
    byId('piece-title').scrollIntoView({ block: 'nearest' });
    const isDone = await work.run(`/api/music/${path}`, request, {
      progress: data => work.progress(data.step / data.totalSteps, `Composing the ${data.part}, ${data.step} of ${data.totalSteps}`),
      piece: data => { piece = data; },
    });
    if (!isDone) return;
    const text = `${piece.notes} notes in ${Math.round(piece.seconds)} seconds${piece.key ? `, ${piece.key}` : ''}`;
    // The page moves until all of the piece is there.
    if (await player.show(piece, text)) byId('music-status').textContent = `${text}.`;
  }

  form.addEventListener('submit', event => {
    event.preventDefault();
    compose('compose');
  });
  byId('music-again').addEventListener('click', () => {
    form.seed.value = newSeed();
    compose('compose');
  });
  byId('music-continue').addEventListener('click', () => compose('continue', melody.notes));
  byId('music-harmonize').addEventListener('click', () => compose('harmonize', melody.notes));
  const { keys, instruments } = await ask('/api/music/choices');
  form.key.append(...keys.map(key => element('option', {}, key)));
  form.instrument.append(...instruments.map(name => element('option', {}, name)));
}

/** The piece: seen, heard and kept. */
class Player {
  #sound = byId('piece-sound');
  #place = byId('piece-place');
  #piece = null;
  #frame = 0;

  constructor() {
    this.#sound.addEventListener('play', () => this.#follow());
    this.#sound.addEventListener('seeked', () => this.#follow());
  }

  /** Shows a piece, and returns whether it still is the one to show then. */
  async show(piece, text) {
    const url = `/api/music/pieces/${piece.number}`;
    const [image, wav] = [byId('piece-image'), byId('piece-wav')];
    this.#piece = piece;
    this.#place.hidden = true;
    image.alt = `Piano roll of the piece: ${text}`;
    image.src = `${url}/png`;
    const seen = image.decode().catch(() => {});
    byId('piece-mid').href = `${url}/mid`;
    byId('piece').hidden = false;
    wav.hidden = true;
    const old = this.#sound.src;
    // Fetched once, to be played and kept.
    const response = await fetch(`${url}/wav`);
    await seen;
    if (piece !== this.#piece) return false;
    if (!response.ok) {
      byId('music-error').textContent = await errorOf(response);
      return true;
    }
    const sound = URL.createObjectURL(await response.blob());
    this.#sound.src = sound;
    wav.href = sound;
    wav.hidden = false;
    if (old) URL.revokeObjectURL(old);
    return true;
  }

  // A line on the piano roll is where the sound is.
  #follow() {
    cancelAnimationFrame(this.#frame);
    const roll = byId('piece-roll');
    const x = this.#sound.currentTime / this.#piece.seconds * byId('piece-image').width;
    this.#place.hidden = x > byId('piece-image').width;
    this.#place.style.left = `${x}px`;
    if (x < roll.scrollLeft || x > roll.scrollLeft + roll.clientWidth) roll.scrollLeft = x - roll.clientWidth / 8;
    if (!this.#sound.paused) this.#frame = requestAnimationFrame(() => this.#follow());
  }
}
