const Loudness = 0.15;

/** Plays notes with the browser's oscillators, one after another. */
export class Tones {
  #context = null;
  #playing = 0;

  /** Plays notes { pitch, quarters }; what was playing ends. The callback receives a key, and whether it sounds now. */
  play(notes, tempo = 90, onkey = () => {}) {
    this.#context ??= new AudioContext();
    const playing = ++this.#playing;
    let quarters = 0;
    for (const note of notes) {
      if (note.pitch !== null) this.#tone(note, quarters * 60 / tempo, note.quarters * 60 / tempo, playing, onkey);
      quarters += note.quarters;
    }
  }

  #tone({ pitch }, start, length, playing, onkey) {
    setTimeout(() => {
      if (playing !== this.#playing) return;
      const [tone, volume] = [this.#context.createOscillator(), this.#context.createGain()];
      const now = this.#context.currentTime;
      tone.type = 'triangle';
      tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
      volume.gain.setValueAtTime(0.001, now);
      volume.gain.exponentialRampToValueAtTime(Loudness, now + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, now + length);
      tone.connect(volume).connect(this.#context.destination);
      tone.start();
      tone.stop(now + length);
      onkey(pitch, true);
      tone.onended = () => onkey(pitch, false);
    }, 1000 * start);
  }
}
