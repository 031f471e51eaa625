namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>A set of bytes.</summary>
internal readonly record struct ByteSet(UInt128 Low, UInt128 High)
{
    public bool IsEmpty => Low == 0 && High == 0;

    public static ByteSet Of(int value) => value < 128 ? new(UInt128.One << value, 0) : new(0, UInt128.One << (value - 128));

    /// <summary>The bytes from one to another, both included.</summary>
    public static ByteSet Range(int first, int last)
    {
        ByteSet set = default;
        for (int value = first; value <= last; value++)
            set |= Of(value);
        return set;
    }

    public static ByteSet operator |(ByteSet a, ByteSet b) => new(a.Low | b.Low, a.High | b.High);

    public static ByteSet operator &(ByteSet a, ByteSet b) => new(a.Low & b.Low, a.High & b.High);

    public static ByteSet operator ~(ByteSet a) => new(~a.Low, ~a.High);

    public bool Contains(int value) => ((value < 128 ? Low >> value : High >> (value - 128)) & 1) == 1;
}
