import { byId, element, newSeed, valuesOf } from '../dom.js';
import { Work, ask } from '../stream.js';
import { whenReady } from '../status.js';
import { Easel } from './easel.js';
import { Gallery } from './gallery.js';
import { startWalk } from './walk.js';

const Shared = ['prompt', 'seed', 'steps', 'guidance', 'sampler', 'size', 'count'];

/** The room for images. */
export async function startArt() {
  const form = byId('art-form');
  const gallery = new Gallery();
  const easel = new Easel(byId('art-canvas'), byId('art-brush'));
  const buttons = ['art-again', 'art-vary', 'art-inpaint'].map(byId);
  const work = new Work({
    start: [...form.querySelectorAll('[type=submit]'), ...buttons],
    stop: byId('art-stop'),
    status: byId('art-status'),
    error: byId('art-error'),
    progress: byId('art-progress'),
  });
  let chosen = null;
  const filling = fillChoices(form);
  startWalk();

  async function paint(path, extra = {}) {
    // Who is quick waits for the choices, too.
    await filling;
    const request = { ...valuesOf(form), ...extra };
    let understood = '';
    let last = [];
    const isDone = await work.run(`/api/art/${path}`, request, {
      prompt: data => {
        understood = data.understood + (data.ignored.length ? ` (not known: ${data.ignored.join(', ')})` : '');
      },
      preview: data => {
        work.progress(data.step / data.totalSteps, `Denoising ${understood}: step ${data.step} of ${data.totalSteps}`);
        if (data.images) showImages(data.images, request, false);
      },
      images: data => {
        last = data.images;
        showImages(data.images, request, true);
      },
    });
    if (isDone) byId('art-status').textContent = `${last.length} ${last.length === 1 ? 'image' : 'images'} of ${understood}, seed ${request.seed}.`;
  }

  function showImages(images, request, areFinal) {
    const box = byId('art-images');
    if (box.children.length !== images.length || areFinal) {
      box.replaceChildren(...images.map((_, i) => element(
        'button',
        { type: 'button', 'aria-pressed': 'false', disabled: !areFinal, onclick: event => choose(event.currentTarget, request, i) },
        element('img', { alt: `Image ${i + 1}: ${request.prompt || 'anything'}` }))));
    }
    images.forEach((url, i) => { box.children[i].firstChild.src = url; });
  }

  function choose(button, request, index) {
    for (const other of button.parentElement.children) other.setAttribute('aria-pressed', String(other === button));
    edit({ url: button.firstChild.src, request, index });
    byId('art-editor-title').focus();
  }

  function edit(image) {
    chosen = image;
    easel.show(image.url);
    byId('art-download').href = image.url;
    byId('art-keep').hidden = !image.request || Boolean(image.request.image);
    byId('art-editor').hidden = false;
  }

  form.addEventListener('submit', event => {
    event.preventDefault();
    paint('generate');
  });
  byId('art-again').addEventListener('click', () => {
    form.seed.value = newSeed();
    paint('generate');
  });
  byId('art-vary').addEventListener('click', () => paint('vary', { image: easel.image(), strength: Number(byId('art-strength').value) }));
  byId('art-inpaint').addEventListener('click', () => paint('inpaint', { image: easel.image(), mask: easel.mask() }));
  byId('art-keep').addEventListener('click', () => gallery.keep(chosen));
  byId('art-file').addEventListener('change', async event => {
    const [file] = event.target.files;
    if (file) edit({ url: await easel.read(file) });
  });
  gallery.onopen = item => {
    fill(form, item.request);
    edit(item);
  };

  await filling;
  const shared = new URLSearchParams(location.search);
  if (shared.has('seed')) {
    fill(form, Object.fromEntries(shared));
    whenReady('art', () => paint('generate'));
  }
}

function fill(form, values) {
  for (const name of Shared) {
    if (name in values) form.elements[name].value = values[name];
  }
}

async function fillChoices(form) {
  const choices = await ask('/api/art/choices');
  form.sampler.append(...choices.samplers.map(name => element('option', {}, name)));
  form.size.append(...choices.sizes.map(size => element('option', { value: size, selected: size === 240 }, `${size}×${size}`)));
  form.size.dataset.number = 'true';
  const words = byId('art-words');
  for (const [group, names] of [['colors', choices.colors], ['shapes', choices.shapes]]) {
    words.append(...names.map(name => element('button', {
      type: 'button',
      onclick: () => {
        const kept = form.prompt.value.split(/\s+/).filter(word => word && !choices[group].includes(word));
        form.prompt.value = (group === 'colors' ? ['a', name, ...kept.filter(word => word !== 'a')] : [...kept, name]).join(' ');
      },
    }, name)));
  }
}
