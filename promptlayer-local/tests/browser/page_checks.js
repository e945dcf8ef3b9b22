// What holds of every page. Each function returns the problems that it finds, as texts.
"use strict";

const shown = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
const named = (element) => {
  const text = (element.textContent || element.getAttribute("aria-label") || "").trim().slice(0, 40);
  return `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}"> ${JSON.stringify(text)}`;
};

// Elements whose content scrolls or is cut, so that it may be wider than they are.
const isInScrolled = (element) => {
  for (let above = element.parentElement; above && above !== document.body; above = above.parentElement) {
    if (getComputedStyle(above).overflowX !== "visible") return true;
  }
  return false;
};

const checks = {
  // The page does not scroll sideways, and each control is inside of it.
  overflow() {
    const width = document.documentElement.clientWidth;
    const isOutside = (element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && (box.left < -0.5 || box.right > width + 0.5) && !isInScrolled(element);
    };
    const problems = shown("a, button, input, select, textarea, summary").filter(isOutside).map((one) => `outside: ${named(one)}`);
    const wide = document.documentElement.scrollWidth;
    if (wide > width) {
      problems.push(`the page is ${wide} and not ${width} wide`, ...shown("body *").filter(isOutside).slice(0, 8).map(named));
    }
    return problems;
  },

  // Each text and each hint of a field has a contrast of at least 4.5 to what is behind it.
  contrast() {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const parsed = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      return [red, green, blue, alpha / 255];
    };
    const over = ([r, g, b, alpha], back) => [r, g, b].map((part, index) => part * alpha + back[index] * (1 - alpha));
    const background = (element) => {
      const layers = [];
      for (let one = element; one; one = one.parentElement) layers.unshift(parsed(getComputedStyle(one).backgroundColor));
      return layers.reduce((back, layer) => over(layer, back), [255, 255, 255]);
    };
    const opacity = (element) => {
      let all = 1;
      for (let one = element; one; one = one.parentElement) all *= Number(getComputedStyle(one).opacity);
      return all;
    };
    const brightness = (color) => {
      const [r, g, b] = color.map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (element, color, share) => {
      const back = background(element);
      const [r, g, b, alpha] = parsed(color);
      const [one, other] = [brightness(over([r, g, b, alpha * share], back)), brightness(back)];
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    };
    const problems = new Set();
    const check = (element, color, share, what) => {
      const found = ratio(element, color, share);
      if (found < 4.5) problems.add(`${found.toFixed(2)}: ${what} ${named(element)}`);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.closest("option, title, :disabled")) continue;
      const style = getComputedStyle(element);
      check(element, element instanceof SVGElement ? style.fill : style.color, opacity(element), "text");
    }
    for (const field of shown("[placeholder]")) {
      const style = getComputedStyle(field, "::placeholder");
      check(field, style.color, Number(style.opacity), "hint");
    }
    return [...problems];
  },

  // Nothing of the content is active.
  inert() {
    const problems = [];
    if (window.hacked !== undefined) problems.push("a script of the content ran");
    for (const element of document.querySelectorAll("*")) {
      for (const { name, value } of element.attributes) {
        if (/^on/i.test(name)) problems.push(`${name} of ${named(element)}`);
        if (name === "style") problems.push(`style of ${named(element)}`);
        if (/^(href|src|action|formaction|xlink:href)$/i.test(name)) {
          const address = new URL(value, location.href);
          const isPicture = element.tagName === "IMG" && /^data:image\/(png|jpeg|gif|webp)/.test(value);
          const isLink = element.tagName === "A" && /^(https?|mailto):$/.test(address.protocol);
          if (address.origin !== location.origin && !isPicture && !isLink) problems.push(`${name} of ${named(element)}: ${value}`);
        }
      }
    }
    for (const script of document.querySelectorAll("script")) {
      if (!["/script.js", "/trace.js", "/replay.js"].includes(script.getAttribute("src"))) problems.push(named(script));
    }
    for (const element of document.querySelectorAll("iframe, object, embed, frame, base, meta[http-equiv], svg script, svg foreignObject, style")) {
      problems.push(named(element));
    }
    return problems;
  },

  // Texts in Latin letters run from left to right, and so do elements beside each other, whatever stands next to them.
  turned() {
    const problems = [];
    const marks = /[\u0590-\u08ff\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff]/;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const box = (node, at) => {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      return range.getBoundingClientRect();
    };
    while (texts.nextNode()) {
      const node = texts.currentNode;
      const element = node.parentElement;
      const at = node.data.search(/[A-Za-z0-9]{2}/);
      if (at < 0 || marks.test(node.data) || !element.checkVisibility() || element.closest("svg, option, textarea")) continue;
      const [one, next] = [box(node, at), box(node, at + 1)];
      if (one.width > 0 && next.width > 0 && Math.abs(one.top - next.top) < 1 && next.left < one.left) problems.push(`turned: ${named(element)}`);
    }
    for (const element of shown("main a, main span, main b, main code, main strong, main time")) {
      const next = element.nextElementSibling;
      if (!next?.checkVisibility() || !getComputedStyle(next).display.startsWith("inline")) continue;
      const [one, other] = [element.getClientRects()[0], next.getClientRects()[0]];
      if (one && other && Math.abs(one.top - other.top) < 2 && other.left < one.left) problems.push(`swapped: ${named(element)} and ${named(next)}`);
    }
    return problems;
  },
};
