// Package deploytest holds what is in deploy/ to what sidecars do. It is tests alone.
//
// Prometheus' own programs judge its files: promtool the alerts, their tests and the configuration (prometheus), and a Prometheus that
// scrapes three sidecars at work must have an answer to every query of the dashboard and know every series of the alerts (grafana).
// Both come with Debian's package prometheus; .ci/run fetches it. Where they are not on the path, a line says that nothing was tested.
package deploytest
