package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

// Float32 returns the elements as float32: exact for F32, F16, BF16, F8_E4M3 and
// F8_E5M2, rounded for F64. Other dtypes are ErrType.
func (t Tensor) Float32() ([]float32, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	out := make([]float32, len(t.Data)*8/width[t.DType])
	switch t.DType {
	case "F32":
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
	case "F64":
		for i := range out {
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:])))
		}
	case "BF16":
		for i := range out {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
	case "F16":
		table := halves()
		for i := range out {
			out[i] = table[binary.LittleEndian.Uint16(t.Data[2*i:])]
		}
	case "F8_E4M3":
		for i, b := range t.Data {
			out[i] = narrow(uint32(b), 4, 3)
		}
	case "F8_E5M2":
		for i, b := range t.Data {
			out[i] = narrow(uint32(b), 5, 2)
		}
	default:
		return nil, fmt.Errorf("%w: %s to float32", ErrType, t.DType)
	}
	return out, nil
}

// halves lists the value of every F16.
var halves = sync.OnceValue(func() *[1 << 16]float32 {
	var table [1 << 16]float32
	for b := range table {
		table[b] = narrow(uint32(b), 5, 10)
	}
	return &table
})

// narrow reads a float with a sign, exponent and mantissa bits. With 4 exponent bits
// there are no infinities, and only the largest code is NaN (E4M3FN of Micikevicius
// et al. 2022, arXiv:2209.05433); otherwise as in IEEE 754.
func narrow(b uint32, exponentBits, mantissaBits uint) float32 {
	top, bias := uint32(1)<<exponentBits-1, int(1)<<(exponentBits-1)-1
	mantissa := b & (1<<mantissaBits - 1)
	exponent := b >> mantissaBits & top
	var value float64
	switch {
	case exponent == 0:
		value = math.Ldexp(float64(mantissa), 1-bias-int(mantissaBits))
	case exponent == top && exponentBits != 4 && mantissa == 0:
		value = math.Inf(1)
	case exponent == top && (exponentBits != 4 || mantissa == 1<<mantissaBits-1):
		value = math.NaN()
	default:
		value = math.Ldexp(float64(mantissa|1<<mantissaBits), int(exponent)-bias-int(mantissaBits))
	}
	if b>>(exponentBits+mantissaBits) != 0 {
		value = math.Copysign(value, -1)
	}
	return float32(value)
}

// FromFloat32 returns a tensor of dtype F32, F16 or BF16 (else ErrType) that holds
// values, rounded to the nearest and ties to even. It returns ErrFormat if shape does
// not have len(values) elements.
func FromFloat32(dtype string, shape []int, values []float32) (Tensor, error) {
	t := Tensor{DType: dtype, Shape: shape}
	switch dtype {
	case "F32":
		t.Data = make([]byte, 4*len(values))
		for i, v := range values {
			binary.LittleEndian.PutUint32(t.Data[4*i:], math.Float32bits(v))
		}
	case "F16", "BF16":
		round := toHalf
		if dtype == "BF16" {
			round = toBrain
		}
		t.Data = make([]byte, 2*len(values))
		for i, v := range values {
			binary.LittleEndian.PutUint16(t.Data[2*i:], round(v))
		}
	default:
		return Tensor{}, fmt.Errorf("%w: float32 to %q", ErrType, dtype)
	}
	return t, t.check()
}

// toBrain rounds to BF16, the upper half of a float32.
func toBrain(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return uint16(b>>16) | 0x40 // stay NaN whatever the lost bits were
	}
	return uint16((b + 0x7FFF + b>>16&1) >> 16)
}

// toHalf rounds to F16: 5 exponent and 10 mantissa bits.
func toHalf(v float32) uint16 {
	sign := uint16(math.Float32bits(v)>>16) & 0x8000
	size := math.Abs(float64(v))
	switch {
	case size != size:
		return sign | 0x7E00
	case size >= 65520: // halfway from the largest number to the next power of two
		return sign | 0x7C00
	case size < 1.0/(1<<14): // subnormal: steps of 2^-24
		return sign | uint16(math.RoundToEven(math.Ldexp(size, 24)))
	}
	fraction, exponent := math.Frexp(size) // size = fraction x 2^exponent, 0.5 <= fraction < 1
	steps := math.RoundToEven(math.Ldexp(fraction, 11))
	return sign | uint16(exponent+13)<<10 + uint16(steps) // a carry out of the mantissa raises the exponent
}
