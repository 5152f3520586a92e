// Shows openapi.json: every path with what it takes and answers; those that only read can be tried.
const make = (tag, text, ...inside) => {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    element.append(...inside);
    return element;
};
const shown = (value) => make("pre", JSON.stringify(value, null, 2));

const one = (method, path, what) => {
    const summary = make("summary");
    const verb = make("code", method.toUpperCase());
    verb.className = "method";
    const say = make("span", what.summary || "");
    say.className = "say";
    summary.append(verb, make("code", path), say);
    const details = make("details", "", summary);
    if (what.description) details.append(make("p", what.description));
    for (const parameter of what.parameters || []) {
        const line = make("div", "", make("code", parameter.name));
        line.append(` (${parameter.in}) ${parameter.description || ""}`);
        details.append(line);
    }
    if (what.requestBody) details.append(make("h4", "takes"), shown(what.requestBody.content));
    for (const [status, answer] of Object.entries(what.responses || {})) {
        const type = Object.values(answer.content || {})[0]?.schema;
        const name = type?.$ref?.split("/").pop() || (type?.items?.$ref ? `${type.items.$ref.split("/").pop()}[]` : "");
        details.append(make("div", `${status} ${name || answer.description || ""}`));
    }
    if (method === "get" && !path.includes("{") && !path.startsWith("/events")) {
        const button = make("button", "try");
        button.onclick = async () => {
            const answer = await fetch(`/api/v1${path}`);
            const text = await answer.text();
            const old = details.querySelector(".answer");
            const fresh = make("pre", `${answer.status}\n${text.slice(0, 20000)}`);
            fresh.className = "answer";
            if (old) old.replaceWith(fresh); else details.append(fresh);
        };
        details.append(button);
    }
    return details;
};

fetch("/api/v1/openapi.json").then((answer) => answer.json()).then((api) => {
    document.getElementById("about").textContent = api.info.description;
    const groups = new Map();
    for (const [path, methods] of Object.entries(api.paths)) {
        for (const [method, what] of Object.entries(methods)) {
            const tag = (what.tags || [""])[0];
            if (!groups.has(tag)) groups.set(tag, []);
            groups.get(tag).push(one(method, path, what));
        }
    }
    for (const [tag, all] of groups) document.getElementById("paths").append(make("h2", tag), ...all);
    for (const [name, type] of Object.entries(api.components.schemas)) {
        document.getElementById("types").append(make("details", "", make("summary", name), shown(type)));
    }
});
