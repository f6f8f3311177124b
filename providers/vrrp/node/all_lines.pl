# lines returns everything about VRRP, once all of it is there: it is followed by what
# keepalived says about links, and there are passwords in what stands before it.
sub lines {
    my ($f) = @_;
    my $text = "";
    while (length $text < 1 << 24) { sysread $f, $text, 1 << 16, length $text or last }
    my ($about) = $text =~ /^(------< VRRP Topology >.*?)^------< Interfaces >/ms or return;
    return grep { !/Authentication|Password|auth_/ } split /^/, $about;
}
