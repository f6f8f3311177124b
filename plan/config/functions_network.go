package config

import (
	"errors"
	"math/big"
	"net"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func cidrHostFunc() function.Function {
	p := params("prefix", cty.String, "hostnum", cty.Number)
	return computes(cty.String, p, func(args []cty.Value) (cty.Value, error) {
		network, err := parseNetwork(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		number, err := wholeNumber(args[1], 1)
		if err != nil {
			return cty.NilVal, err
		}
		ip, err := cidr.HostBig(network, number)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(ip.String()), nil
	})
}

func cidrNetmaskFunc() function.Function {
	return computes(cty.String, params("prefix", cty.String), func(args []cty.Value) (cty.Value, error) {
		network, err := parseNetwork(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		if len(network.Mask) != net.IPv4len {
			return cty.NilVal, function.NewArgErrorf(0, "only IPv4 networks are written with a mask")
		}
		return cty.StringVal(net.IP(network.Mask).String()), nil
	})
}

func cidrSubnetFunc() function.Function {
	p := params("prefix", cty.String, "newbits", cty.Number, "netnum", cty.Number)
	return computes(cty.String, p, func(args []cty.Value) (cty.Value, error) {
		network, err := parseNetwork(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		bits, err := newBits(args[1], 1, network)
		if err != nil {
			return cty.NilVal, err
		}
		number, err := wholeNumber(args[2], 2)
		if err != nil {
			return cty.NilVal, err
		}
		subnet, err := cidr.SubnetBig(network, bits, number)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(subnet.String()), nil
	})
}

func cidrSubnetsFunc() function.Function {
	return function.New(&function.Spec{
		Params:   params("prefix", cty.String),
		VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
		Type:     function.StaticReturnType(cty.List(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			network, err := parseNetwork(args[0])
			if err != nil {
				return cty.NilVal, err
			}
			if len(args) == 1 {
				return cty.ListValEmpty(cty.String), nil
			}
			return subnets(network, args)
		},
	})
}

// subnets lays networks one after the other; args are those of cidrsubnets.
func subnets(network *net.IPNet, args []cty.Value) (cty.Value, error) {
	var out []cty.Value
	var last *net.IPNet
	for i := range args[1:] {
		bits, err := newBits(args[i+1], i+1, network)
		if err != nil {
			return cty.NilVal, err
		}
		ones, _ := network.Mask.Size()
		next, overflow := &net.IPNet{IP: network.IP, Mask: net.CIDRMask(ones+bits, 8*len(network.IP))}, false
		if last != nil {
			next, overflow = cidr.NextSubnet(last, ones+bits)
		}
		if overflow || !network.Contains(next.IP) {
			return cty.NilVal, function.NewArgErrorf(i+1, "there is no room left in the network")
		}
		out = append(out, cty.StringVal(next.String()))
		last = next
	}
	return cty.ListVal(out), nil
}

func parseNetwork(v cty.Value) (*net.IPNet, error) {
	_, network, err := net.ParseCIDR(v.AsString())
	if err != nil {
		return nil, function.NewArgErrorf(0, `not a network as in "192.0.2.0/24"`)
	}
	return network, nil
}

func newBits(v cty.Value, arg int, network *net.IPNet) (int, error) {
	ones, all := network.Mask.Size()
	n, ok := intValue(v)
	if !ok || n < 0 || ones+n > all {
		return 0, function.NewArgErrorf(arg, "the network has %d bits to give", all-ones)
	}
	return n, nil
}

func wholeNumber(v cty.Value, arg int) (*big.Int, error) {
	n, accuracy := v.AsBigFloat().Int(nil)
	if accuracy != big.Exact || n == nil {
		return nil, function.NewArgError(arg, errors.New("a whole number is required"))
	}
	return n, nil
}
