#!/usr/bin/perl -w
# EMULATED: in every tree of the product that can be read, its binary is a Perl script. What
# it does is in the compiled program, which has the same command line as this one.
exec {"/usr/local/zevenet/lib/enterprise"} $^X, '-w', $0, @ARGV;
