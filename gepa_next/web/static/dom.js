// Make and change elements. Whatever comes from a job goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Find the element with the id. */
export const byId = (id) => document.getElementById(id);

/** Make an element with attributes and children; strings become text. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Make an SVG element with attributes and children. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Set the text of the element with the id, if it is another one. */
export function say(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

/** Return the value of the checked radio button of that name. */
export const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

/** Call back when a radio button of that name is checked. */
export function onChosen(name, callback) {
  for (const each of document.querySelectorAll(`input[name="${name}"]`)) each.addEventListener("change", callback);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
