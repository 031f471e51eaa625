namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>A linear layer of a network, or a part of one, that can have an adapter.</summary>
/// <param name="Name">The name that users see.</param>
/// <param name="ForeignName">The name in libraries of others, or <see langword="null"/>: they have no such module.</param>
/// <param name="Layer">The layer.</param>
/// <param name="Part">The part; <see langword="null"/>: the whole layer.</param>
/// <param name="IsInBlock">Whether <see cref="LoraOptions.AllLinear"/> means it.</param>
internal sealed record AdaptableModule(string Name, string? ForeignName, Linear Layer, LayerPart? Part, bool IsInBlock)
{
    public AdaptedRows Rows => new(Layer, Part);

    public long Inputs => Layer.Weight.Shape[1];

    public long Outputs => Part?.Outputs ?? Layer.Weight.Shape[0];

    public IEnumerable<string> Names => ForeignName is null ? [Name] : [Name, ForeignName];

    public void Attach(Adapter adapter)
    {
        if (Part is null)
            Layer.Attach(adapter);
        else
            Layer.Attach(adapter, Part.Name);
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
