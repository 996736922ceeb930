# dkim_check.pl MESSAGE RECORDS.json: every signature as Mail::DKIM sees it; DNS is the JSON object.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::Verifier;

package Record;
sub new { my ($class, $text) = @_; return bless { text => $text }, $class; }
sub type { return 'TXT'; }
sub txtdata { return $_[0]{text}; }
sub char_str_list { return $_[0]{text}; }

package main;
local $/ = undef;
open my $file, '<', $ARGV[1] or die;
my $records = decode_json(<$file>);
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub { return exists $records->{$_[0]} ? (Record->new($records->{$_[0]})) : (); };
}
open my $message, '<:raw', $ARGV[0] or die;
my $verifier = Mail::DKIM::Verifier->new;
$verifier->PRINT(<$message>);
$verifier->CLOSE;
print join(' ', $_->algorithm, $_->result, $_->result_detail), "\n" for $verifier->signatures;
