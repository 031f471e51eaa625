namespace Microsoft.ML.Generative.Common;

/// <summary>
/// SplitMix64, the same on every machine: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators",
/// OOPSLA 2014.
/// </summary>
internal struct SplitMix64(ulong state)
{
    /// <summary>2⁶⁴ divided by the golden ratio, by which the state grows.</summary>
    public const ulong Increment = 0x9e3779b97f4a7c15;

    private ulong _state = state;

    /// <summary>64 random bits.</summary>
    public ulong Next() => Mix(_state += Increment);

    /// <summary>A whole number from 0 to <paramref name="bound"/> − 1, even but for a part of 2⁻³².</summary>
    public int Next(int bound) => (int)((Next() >> 32) * (ulong)bound >> 32);

    /// <summary>Spreads each bit over all others.</summary>
    public static ulong Mix(ulong x)
    {
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
        x = (x ^ x >> 27) * 0x94d049bb133111eb;
        return x ^ x >> 31;
    }
}
