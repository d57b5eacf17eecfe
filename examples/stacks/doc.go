// Package stacks shows one sealed endpoint on six servers: net/http, chi, gin,
// echo, fiber, and gRPC. It is a module of its own, so that the library gains no
// dependency. Copy the file of your server, and client.go or grpcclient.go.
//
// Each endpoint opens a request, answers with the payload of the request, and
// seals the answer. All of them keep the same rules:
//
//	too long to be read      refused before any cryptography
//	envelope.ErrRejected     400, InvalidArgument: the message is at fault; always the same text
//	any other error of Open  503, Unavailable: we are; nothing has been done, try again
//	any error of Seal        500, Internal: we are; the request has been acted on
//
// The log learns why, through envelope.LogAttr. The sender does not.
//
// No message makes sealwax panic. Code of your own may: net/http, and so chi,
// gin, and echo, then end the one connection, but fiber and gRPC end the program
// unless you use their middleware for that.
package stacks
