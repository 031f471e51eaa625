namespace Microsoft.ML.Generative.Layers;

/// <summary>Neighboring outputs of a linear layer that does the work of several.</summary>
/// <param name="Name">The name, one of those here.</param>
/// <param name="Start">Its first output, or row of the weight.</param>
/// <param name="Outputs">Its outputs.</param>
/// <param name="HeadSize">Outputs of each of its attention heads; <see langword="null"/>: it has no heads.</param>
internal sealed record LayerPart(string Name, int Start, int Outputs, int? HeadSize = null)
{
    public const string Query = "query";
    public const string Key = "key";
    public const string Value = "value";
    public const string Gate = "gate";
    public const string Up = "up";

    /// <summary>The parts of a layer that computes queries, keys and values: head after head, the keys' after all queries.</summary>
    public static LayerPart[] QueryKeyValue(int heads, int keyValueHeads, int headSize) =>
    [
        new(Query, 0, checked(heads * headSize), headSize),
        new(Key, checked(heads * headSize), checked(keyValueHeads * headSize), headSize),
        new(Value, checked((heads + keyValueHeads) * headSize), checked(keyValueHeads * headSize), headSize),
    ];

    /// <summary>The parts of a layer that computes keys and values.</summary>
    public static LayerPart[] KeyValue(int heads, int headSize)
    {
        int size = checked(heads * headSize);
        return [new(Key, 0, size, headSize), new(Value, size, size, headSize)];
    }

    /// <summary>The parts of a gated block's first layer (Shazeer 2020): the gate, then what it is multiplied with.</summary>
    public static LayerPart[] GateUp(int size) => [new(Gate, 0, size), new(Up, size, size)];
}
