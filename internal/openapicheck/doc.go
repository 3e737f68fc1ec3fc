// Package openapicheck holds HTTP answers against an OpenAPI description, so that tests of any tier can show
// that the description tells the truth. It is for tests alone.
package openapicheck
