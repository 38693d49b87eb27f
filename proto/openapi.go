// Package proto holds the public API as .proto files, with the generated Go
// beside them, and its description for HTTP clients.
//
// baseline.binpb is the API as last released: `buf breaking` compares against
// it, so that nothing that clients rely on goes away unnoticed. It is renewed at
// a release and at no other time.
package proto

import _ "embed"

//go:embed orgmirror.swagger.json
var openAPI []byte

// OpenAPI returns the API as OpenAPI 2 in JSON. The caller does not change it.
func OpenAPI() []byte { return openAPI }
