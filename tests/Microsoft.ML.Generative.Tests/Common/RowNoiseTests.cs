using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Tests;

public sealed class RowNoiseTests
{
    [Theory]
    [InlineData(0, 16)]
    [InlineData(1, 16)]
    [InlineData(4, 784)]
    [InlineData(11, 24)]
    [InlineData(9, 13)]
    [InlineData(301, 784)]
    public void Rows_have_the_same_hashes_together_as_alone(int rows, int size)
    {
        byte[] contents = new byte[rows * size];
        new Random(1).NextBytes(contents);
        ulong[] keys = [.. Enumerable.Range(1, rows).Select(row => (ulong)row * 77)];
        ulong[] expected = [.. keys.Select((key, row) => RowNoise.Hash(contents.AsSpan(row * size, size), key))];
        RowNoise.Hash(contents, keys);
        Assert.Equal(expected, keys);
    }
}
