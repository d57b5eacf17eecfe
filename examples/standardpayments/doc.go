// Package standardpayments is the protocol of the Standard Payments family over sealed
// bodies, once: the headers of requests and replies, strict JSON, the minute by which a
// timestamp may differ, and errors. It is an example to copy, built on package envelope and
// on net/http. The format of the bodies, OpenPGP or JOSE, is that of the envelope.
//
// [NewHandler] serves one method, and [Echo] is the method by which the network tests a
// partner. [Client] calls methods of the other side. Both follow the documentation of the
// family in what they send, and are strict in what they accept.
//
// # What a stranger learns
//
// A stranger is whoever sends a body that Open rejects. The handler answers a stranger with
// an empty body; the status follows from [Rejections]. A partner whose signature was
// verified, and whose request is then refused, gets an [Error], sealed like any reply.
//
//	what is wrong                                   Quiet  Advised        body
//	the method, the content type, or the length     404    405, 415, 413  empty
//	no key of ours decrypts it, or it is not intact 404    400            empty
//	no signature counts                             404    401            empty
//	a key service of ours is down                   503    503            empty
//	not the JSON that was agreed                    400    400            sealed
//	the timestamp is more than a minute off         400    400            sealed
//	the method refuses it                           that of the Code      sealed
//	the transaction is declined                     200    200            sealed
//
// [Advised] has a price: a 401 beside a 400 tells a stranger whether a key of ours
// decrypted what he sent. [Quiet] is what the network itself answers, and costs the partner
// the hint which of his keys we do not know. The log has it in both.
//
// Equal answers do not take equal time. A message that no key decrypts is answered sooner
// than one whose signature is wrong.
package standardpayments
