// Package recipes runs what the documentation shows and what takes more than one answer to show: the scripts of
// docs/recipes.md, the programs of docs/languages.md, the tour of docs/tour.md, and the streams of docs/api.md. It is tests alone.
//
// A page has two kinds of blocks that count here. One that begins with "```LANGUAGE NAME" is a file of that name. One that
// begins with "```console live" is a terminal: what follows "$ " is given to a bash, and the lines that follow must come out,
// in this order, from it or from what it runs in the background ([terminal]). Each block has a directory with the
// page's files, and all of a page share a group of three sidecars; the page's ports and data directory lead to theirs. What
// may differ between what the page shows and what comes is in match_test.go. faults_test.go does to the sidecars of the scripts
// what a page cannot show.
//
// The tests need bash, curl, jq, python3, setpriv, setsid, timeout and PostgreSQL's programs, and fail where one is missing. Where
// node or java is missing, the program in that language is not run, and the test says so on stderr ([here]).
package recipes
