// A file of its own, so that the page's policy can forbid inline scripts.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) history.replaceState(null, "", location.pathname);

window.ui = SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#docs",
  deepLinking: false,
  validatorUrl: null,
  onComplete: () => token && window.ui.preauthorizeApiKey("bearer", token),
});
