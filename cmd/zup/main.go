// Command zup updates pairs of load balancers with the least possible downtime.
package main

func main() {}
