package main

func Example() {
	main()
	// Output: {"amount":"10.00"}, signed by Ed25519/SHA-384
}
