const Svg = 'http://www.w3.org/2000/svg';
const [Width, Height, Left, Right, Top, Bottom] = [480, 160, 44, 8, 10, 24];

function shape(name, attributes, text) {
  const made = document.createElementNS(Svg, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Draws points [step, loss] as a curve into a container, which screen readers hear as one sentence. */
export function drawCurve(container, points, name = 'Loss') {
  const known = points.filter(([, y]) => Number.isFinite(y));
  if (known.length < 2) {
    container.replaceChildren();
    return;
  }
  const [x0, x1] = [known[0][0], known.at(-1)[0]];
  const ys = known.map(([, y]) => y);
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const x = value => Left + (value - x0) / (x1 - x0 || 1) * (Width - Left - Right);
  const y = value => Top + (high - value) / (high - low || 1) * (Height - Top - Bottom);
  const svg = shape('svg', { viewBox: `0 0 ${Width} ${Height}`, class: 'chart', role: 'img' });
  svg.setAttribute('aria-label', `${name} from ${ys[0].toFixed(2)} to ${ys.at(-1).toFixed(2)} in ${x1} steps`);
  for (const value of [low, high]) {
    svg.append(shape('line', { class: 'axis', x1: Left, x2: Width - Right, y1: y(value), y2: y(value) }));
    svg.append(shape('text', { x: Left - 6, y: y(value) + 4, 'text-anchor': 'end' }, value.toFixed(2)));
  }
  svg.append(shape('polyline', { class: 'curve', points: known.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(' ') }));
  svg.append(shape('text', { x: Left, y: Height - 6 }, `${name} by step`));
  svg.append(shape('text', { x: Width - Right, y: Height - 6, 'text-anchor': 'end' }, String(x1)));
  container.replaceChildren(svg);
}
