namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>A layer of a network, or a part of one, that can have an adapter.</summary>
/// <param name="Name">The name that users see.</param>
/// <param name="ForeignName">The name in libraries of others, or <see langword="null"/>: they have no such module.</param>
/// <param name="Layer">The layer.</param>
/// <param name="Part">The part; <see langword="null"/>: the whole layer.</param>
/// <param name="Keyword">
/// The word in <see cref="LoraOptions.TargetModules"/> that means it and others; <see langword="null"/>: there is none.
/// </param>
internal sealed record AdaptableModule(
    string Name, string? ForeignName, AdaptableLayer Layer, LayerPart? Part = null, string? Keyword = null)
{
    public AdaptedRows Rows => new(Layer, Part);

    /// <summary>The shape of the weight, [outputs, inputs, ..].</summary>
    public long[] Shape => Part is null ? Layer.MatrixShape : [Part.Outputs, .. Layer.MatrixShape[1..]];

    public IEnumerable<string> Names => ForeignName is null || ForeignName == Name ? [Name] : [Name, ForeignName];

    public void Attach(Adapter adapter)
    {
        if (Part is null)
            Layer.Attach(adapter);
        else
            ((Linear)Layer).Attach(adapter, Part.Name);
    }
}

/// <summary>A module of a network that can be trained as a whole beside adapters.</summary>
/// <param name="Name">The name that users see.</param>
/// <param name="ForeignName">The name in libraries of others.</param>
/// <param name="Parameters">The names of its parameters in the network.</param>
internal sealed record SavableModule(string Name, string ForeignName, string[] Parameters);

/// <summary>What of a network adapters can change.</summary>
/// <param name="Modules">The layers and parts that can have an adapter.</param>
/// <param name="Savable">The modules that can be trained as a whole.</param>
internal sealed record AdaptableNetwork(IReadOnlyList<AdaptableModule> Modules, IReadOnlyList<SavableModule> Savable);
