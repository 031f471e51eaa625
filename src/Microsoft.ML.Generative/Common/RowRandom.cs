namespace Microsoft.ML.Generative.Common;

/// <summary>
/// Random numbers of a seed and a number (of a row, say), the same on every machine, without any state to keep between rows.
/// </summary>
internal struct RowRandom(long seed, long number)
{
    // Mixed twice, so that neighbors in seed or number share nothing.
    private SplitMix64 _bits = new(
        SplitMix64.Mix(SplitMix64.Mix((ulong)seed + SplitMix64.Increment) + (ulong)number * SplitMix64.Increment));

    /// <summary>A whole number from 0 to <paramref name="bound"/> − 1.</summary>
    public int Next(int bound) => _bits.Next(bound);

    /// <summary>Uniform in 0 (included) to 1 (excluded), a multiple of 2⁻²⁴.</summary>
    public float NextSingle() => (_bits.Next() >> 40) * (1f / (1 << 24));

    /// <summary>Uniform in 0 (included) to 1 (excluded), a multiple of 2⁻⁵³.</summary>
    public double NextDouble() => (_bits.Next() >> 11) * (1.0 / (1L << 53));

    /// <summary>Uniform between two numbers.</summary>
    public float Between(float low, float high) => low + (high - low) * NextSingle();

    /// <summary>
    /// About normal with mean 0 and standard deviation 1, never beyond ±3.5: the sum of four uniform numbers, made without the
    /// logarithm and cosine of exact methods, whose last bits differ between machines.
    /// </summary>
    public float NextBell()
    {
        ulong bits = _bits.Next();
        int sum = (int)(bits & 0xFFFF) + (int)((bits >> 16) & 0xFFFF) + (int)((bits >> 32) & 0xFFFF) + (int)(bits >> 48);
        // Four uniform numbers on 0..65535 have mean 131070 together, and variance 4·(65536² − 1)/12.
        return (sum - 131070) * (1f / 37837.2f);
    }
}
