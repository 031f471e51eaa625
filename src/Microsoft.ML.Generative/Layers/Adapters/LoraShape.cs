using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>The form of all low-rank adapters that a network has under one name: what a model file holds beside their weights.</summary>
internal sealed record LoraShape
{
    public required string Name { get; init; }

    /// <summary>The adapters, in the order of the network's modules.</summary>
    public required LoraModuleShape[] Modules { get; init; }

    /// <summary>Whether s = α / √rank.</summary>
    public bool UseRsLora { get; init; }

    public bool UseDora { get; init; }

    /// <summary>Which biases are among <see cref="Tensors"/>.</summary>
    public LoraBias Bias { get; init; }

    /// <summary>The names of modules that are saved as a whole.</summary>
    public string[] ModulesToSave { get; init; } = [];

    /// <summary>
    /// The names of the network's parameters that are others with the adapters: biases, and those of <see cref="ModulesToSave"/>.
    /// </summary>
    public string[] Tensors { get; init; } = [];

    /// <summary>s of a module.</summary>
    public double ScaleOf(LoraModuleShape module) => module.Alpha / (UseRsLora ? Math.Sqrt(module.Rank) : module.Rank);

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate()
    {
        OptionChecks.NotEmpty(Name);
        OptionChecks.Defined(Bias);
        if (Modules.Length == 0)
            throw new ArgumentException($"The adapter {Quoted.Text(Name)} has no module.");
        foreach (LoraModuleShape module in Modules)
        {
            OptionChecks.NotEmpty(module.Name);
            OptionChecks.AtLeast<int>(module.Rank, 1);
            OptionChecks.Positive(module.Alpha);
        }
    }
}

/// <summary>The forms of all adapters of a model, as its definition holds them.</summary>
internal static class LoraShapes
{
    /// <summary>The components of the adapters.</summary>
    /// <param name="shapes">The adapters; <see langword="null"/>: there are none.</param>
    /// <param name="create">Creates the network that they are for, of which only the sizes are used.</param>
    public static IReadOnlyList<Component<LoraWeights>> Components<TNetwork>(LoraShape[]? shapes, Func<TNetwork> create)
        where TNetwork : torch.nn.Module, IAdaptable<TNetwork> =>
        [.. (shapes ?? []).Select(
            (shape, i) => new Component<LoraWeights>($"adapter-{i + 1}", () => CreateWeights(shape, create), ComponentKind.Adapter))];

    /// <param name="shapes">The adapters; <see langword="null"/>: there are none.</param>
    /// <param name="active">The name of the active one, or <see langword="null"/>.</param>
    /// <exception cref="ArgumentException">A value is out of its range, a name twice, or none of the active one.</exception>
    public static void Validate(LoraShape[]? shapes, string? active)
    {
        foreach (LoraShape shape in shapes ?? [])
            shape.Validate();
        string[] names = [.. (shapes ?? []).Select(shape => shape.Name)];
        if (names.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"Two adapters have the name {Quoted.Text(twice.Key)}.");
        if (active is not null && !names.Contains(active))
            throw new ArgumentException($"The active adapter is {Quoted.Text(active)}, which the model does not have.");
    }

    /// <summary>Creates weights whose values are not set.</summary>
    /// <param name="shape">The form.</param>
    /// <param name="create">Creates the network that they are for, which needs no memory for its sizes.</param>
    public static LoraWeights CreateWeights<TNetwork>(LoraShape shape, Func<TNetwork> create)
        where TNetwork : torch.nn.Module, IAdaptable<TNetwork>
    {
        using TNetwork network = ModuleTensors.WithoutMemory(long.MaxValue, int.MaxValue, create);
        return new LoraWeights(shape, network, network.Adaptable);
    }
}

/// <summary>The form of the adapter of one module.</summary>
/// <param name="Name">The module's name.</param>
/// <param name="Rank">The rank.</param>
/// <param name="Alpha">α.</param>
internal sealed record LoraModuleShape(string Name, int Rank, double Alpha)
{
    /// <summary>The same scale with another rank.</summary>
    public LoraModuleShape WithRank(int rank, bool usesRsLora) =>
        this with { Rank = rank, Alpha = Alpha * (usesRsLora ? Math.Sqrt((double)rank / Rank) : (double)rank / Rank) };
}
