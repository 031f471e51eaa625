import { byId, download, element } from '../dom.js';

const Key = 'capstone-gallery';
const Most = 24;

function linkOf(item) {
  const { image, mask, strength, toPrompt, toSeed, ...values } = item.request;
  return `${location.origin}/?${new URLSearchParams(values)}#art`;
}

/** Images that the visitor keeps, in this browser alone. */
export class Gallery {
  #items = JSON.parse(localStorage.getItem(Key) ?? '[]');

  /** Called with an image that is to be looked at again. */
  onopen = () => {};

  constructor() {
    this.#show();
  }

  keep(item) {
    this.#items = [item, ...this.#items.filter(other => other.url !== item.url)].slice(0, Most);
    this.#save('Kept.');
  }

  #save(text) {
    localStorage.setItem(Key, JSON.stringify(this.#items));
    byId('gallery-status').textContent = text;
    this.#show();
  }

  async #copy(item) {
    try {
      await navigator.clipboard.writeText(linkOf(item));
      byId('gallery-status').textContent = 'The link is copied.';
    } catch {
      // Without permission for the clipboard, the link is there to be copied by hand.
      byId('gallery-status').textContent = linkOf(item);
    }
  }

  #show() {
    byId('gallery').replaceChildren(...this.#items.map((item, i) => {
      const name = `${item.request.prompt || 'anything'}, seed ${item.request.seed}, image ${item.index + 1}`;
      const button = (text, onclick) => element('button', { type: 'button', 'aria-label': `${text}: ${name}`, onclick }, text);
      return element('li', {},
        element('img', { src: item.url, alt: name }),
        element('p', {}, name),
        element('div', { class: 'actions' },
          button('Open', () => this.onopen(item)),
          button('Link', () => this.#copy(item)),
          button('Save', () => download(item.url, 'art.png')),
          button('Remove', () => {
            this.#items.splice(i, 1);
            this.#save('Removed.');
          })));
    }));
  }
}
