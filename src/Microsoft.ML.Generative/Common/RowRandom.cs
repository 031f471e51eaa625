namespace Microsoft.ML.Generative.Common;

/// <summary>
/// Random numbers that belong to a seed and a number (of a row, say), the same on every machine, without any state to keep
/// between rows. SplitMix64: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
/// </summary>
internal struct RowRandom(long seed, long number)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    // Mixed twice, so that neighbors in seed or number share nothing.
    private ulong _state = SeedSequence.Mix(SeedSequence.Mix((ulong)seed + Golden) + (ulong)number * Golden);

    /// <summary>64 random bits.</summary>
    public ulong NextBits() => SeedSequence.Mix(_state += Golden);

    /// <summary>A whole number from 0 to <paramref name="bound"/> − 1.</summary>
    public int Next(int bound) => (int)(((NextBits() >> 32) * (ulong)bound) >> 32);

    /// <summary>Uniform in 0 (included) to 1 (excluded), a multiple of 2⁻²⁴.</summary>
    public float NextSingle() => (NextBits() >> 40) * (1f / (1 << 24));

    /// <summary>Uniform in 0 (included) to 1 (excluded), a multiple of 2⁻⁵³.</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1L << 53));

    /// <summary>Uniform between two numbers.</summary>
    public float Between(float low, float high) => low + (high - low) * NextSingle();

    /// <summary>
    /// About normal with mean 0 and deviation 1, never beyond ±3.5: the sum of four uniform numbers, made without the
    /// logarithm and cosine of exact methods, whose last bits differ between machines.
    /// </summary>
    public float NextBell()
    {
        var bits = NextBits();
        var sum = (int)(bits & 0xFFFF) + (int)((bits >> 16) & 0xFFFF) + (int)((bits >> 32) & 0xFFFF) + (int)(bits >> 48);
        // Four uniform numbers on 0..65535 have mean 131070 together, and variance 4·(65536² − 1)/12.
        return (sum - 131070) * (1f / 37837.2f);
    }
}
