// Shows the OpenAPI document. Text is only ever put in as text.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Paragraphs, lists and `code`: all that the document's prose uses.
function prose(text) {
  return (text || "").split(/\n\n+/).map((paragraph) => {
    const items = paragraph.split(/\n(?=- )|^(?=- )/).filter(Boolean);
    if (items[0] && items[0].startsWith("- ")) {
      return element("ul", {}, ...items.map((item) => element("li", {}, ...inline(item.slice(2)))));
    }
    return element("p", {}, ...inline(paragraph));
  });
}

function inline(text) {
  return text.split(/(`[^`]+`)/).map((piece) =>
    piece.startsWith("`") ? element("code", {}, piece.slice(1, -1)) : piece.replace(/\*\*/g, ""));
}

function named(reference) {
  return reference.split("/").pop();
}

function kind(schema) {
  if (schema === true || schema === undefined) return "any";
  if (schema.$ref) return element("a", { href: "#schema-" + named(schema.$ref) }, named(schema.$ref));
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return element("span", {}, ...choices.flatMap((one, index) => index ? [" | ", kind(one)] : [kind(one)]));
  if (schema.allOf) return kind(schema.allOf[0]);
  const types = [].concat(schema.type || "any").join(" | ");
  if (schema.items) return element("span", {}, "list of ", kind(schema.items));
  if (schema.additionalProperties && typeof schema.additionalProperties === "object") {
    return element("span", {}, "object of ", kind(schema.additionalProperties));
  }
  return schema.format ? types + " (" + schema.format + ")" : types;
}

function table(heads, rows) {
  if (!rows.length) return null;
  const line = (cell) => (cells) => element("tr", {}, ...cells.map((text) => element(cell, {}, ...[].concat(text))));
  return element("table", {}, line("th")(heads), ...rows.map(line("td")));
}

function members(schema) {
  const required = schema.required || [];
  return table(["member", "type", ""], Object.entries(schema.properties || {}).map(([name, member]) => [
    element("code", {}, name), kind(member),
    [required.includes(name) ? "required. " : "", ...inline(member.description || "")],
  ]));
}

function bodies(content) {
  return Object.entries(content || {}).map(([type, body]) =>
    element("p", {}, element("code", {}, type), " ", type.includes("json") ? kind(body.schema) : ""));
}

function operation(api, path, method, about) {
  const answers = Object.entries(about.responses).map(([status, answer]) =>
    [status, answer.$ref ? api.components.responses[named(answer.$ref)] : answer]);
  const section = element("section", { id: about.operationId },
    element("h3", {}, element("span", { class: "method" }, method.toUpperCase()), element("code", {}, path)),
    element("p", {}, element("strong", {}, about.summary)));
  const who = about.security ? "No key is needed." : about["x-ash-admin-socket"]
    ? "Over the admin socket only." : "Scope of the key: " + about["x-ash-scope"] + ".";
  section.append(element("p", { class: "note" }, who), ...prose(about.description));
  const parameters = table(["parameter", "in", "type", ""], (about.parameters || []).map((one) => [
    element("code", {}, one.name), one.in, kind(one.schema), inline(one.description || "")]));
  if (parameters) section.append(parameters);
  if (about.requestBody) section.append(element("h4", {}, "Body"), ...bodies(about.requestBody.content));
  section.append(element("h4", {}, "Answers"));
  section.append(table(["status", "", ""], answers.map(([status, answer]) => [
    status, bodies(status < "300" ? answer.content : {}), prose(answer.description)])));
  for (const body of answers.flatMap(([, answer]) => Object.values(answer.content || {}))) {
    if (!body["x-ash-events"]) continue;
    section.append(table(["event", "when"], Object.entries(body["x-ash-events"]).map(([name, when]) =>
      [element("code", {}, name), inline(when)])));
  }
  return section;
}

function show(api) {
  const main = document.getElementById("main");
  const list = document.getElementById("list");
  main.append(element("p", {}, "Version " + api.info.version + ". ", element("a", { href: "docs/openapi.json" }, "OpenAPI document")),
    ...prose(api.info.description));
  for (const tag of api.tags) {
    const heading = element("h2", {}, tag.name);
    const links = [];
    main.append(element("h2", {}, tag.name));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS.filter((method) => item[method] && item[method].tags.includes(tag.name))) {
        main.append(operation(api, path, method, item[method]));
        links.push(element("a", { href: "#" + item[method].operationId, title: method.toUpperCase() + " " + path }, item[method].summary));
      }
    }
    list.append(element("div", {}, heading, ...links));
  }
  main.append(element("h2", {}, "Schemas"));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    main.append(element("section", { id: "schema-" + name }, element("h3", {}, name), ...prose(schema.description),
      members(schema) || element("p", {}, kind(schema))));
  }
  document.getElementById("filter").addEventListener("input", (event) => {
    const word = event.target.value.toLowerCase();
    for (const link of list.querySelectorAll("a")) {
      link.hidden = !(link.textContent + link.title).toLowerCase().includes(word);
    }
  });
  if (location.hash) location.replace(location.hash);
}

fetch("docs/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => document.getElementById("main").append(element("p", {}, "The document could not be read: " + error)));
