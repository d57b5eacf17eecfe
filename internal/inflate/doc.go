// Package inflate decompresses DEFLATE (RFC 1951) and zlib (RFC 1950) from a
// stranger.
//
// It is here because of one limit that the standard library cannot keep: a stream
// can consist of blocks that are nearly only tables, of which each costs as much
// as thousands of bytes of data, in input or in output. So this reader counts the
// blocks that bring tables, for the bytes that were read and written. It accepts
// what compress/flate accepts, but for that limit; a fuzz test holds the two
// against each other.
package inflate
