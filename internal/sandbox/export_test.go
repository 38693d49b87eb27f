package sandbox

import "net/http"

// Handler is the contact service without its listener.
func Handler(s *Server) http.Handler { return http.HandlerFunc(s.serveAPI) }

// Ticket is the app_ticket that an app of the marketplace was sent last.
func Ticket(s *Server, appID string) string { return s.tokens.ticket(appID) }
