package gateway

import (
	"net/http"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

// tryPath is where the page is.
const tryPath = "/docs/"

// tryPolicy lets the page load nothing from elsewhere, and ask nobody but us. Its
// own scripts are partly in the page.
const tryPolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// tryPage is Swagger UI over the API's description: who opens it can read what
// there is, and with the credentials of an API client try it. All of it is in this
// program. It shows no data by itself, so it needs no credentials, as the
// description.
func tryPage() http.Handler {
	page := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "Orgmirror", SwaggerJSON: "/openapi.json", BasePath: tryPath,
		SettingsUI: map[string]string{
			"defaultModelsExpandDepth": "1",
			"docExpansion":             `"list"`,
			"displayRequestDuration":   "true",
			"persistAuthorization":     "false", // secrets are for this page, not for the next who sits here
		},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", tryPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		page.ServeHTTP(w, r)
	})
}
