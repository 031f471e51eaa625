/** Finds the element of an identifier. */
export const byId = id => document.getElementById(id);

/** Makes an element with attributes and children; texts are always texts, never markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, '');
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** The values of a form, numbers as numbers. */
export function valuesOf(form) {
  const values = {};
  for (const field of form.elements) {
    if (field.name) values[field.name] = field.type === 'number' || field.dataset.number ? Number(field.value) : field.value;
  }
  return values;
}

/** A random seed. */
export const newSeed = () => Math.floor(Math.random() * 2 ** 31);

/** Offers a blob or the URL of data as a file. */
export function download(content, name) {
  const url = typeof content === 'string' ? content : URL.createObjectURL(content);
  const link = element('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  if (url !== content) setTimeout(() => URL.revokeObjectURL(url), 1000);
}
