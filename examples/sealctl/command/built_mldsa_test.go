//go:build go1.27 && !fips140v1.0

package command

const builtScript = "testdata/builds/mldsa.txt"
