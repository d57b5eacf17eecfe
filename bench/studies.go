package main

func studies() []testcase { return nil }
