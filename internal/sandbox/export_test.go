package sandbox

import "net/http"

// Handler is the contact service without its listener.
func Handler(s *Server) http.Handler { return http.HandlerFunc(s.serveAPI) }
