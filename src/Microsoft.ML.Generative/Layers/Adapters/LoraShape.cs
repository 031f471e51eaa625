using Microsoft.ML.Generative.Common;

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
            OptionChecks.AtLeast(module.Rank, 1);
            OptionChecks.Positive(module.Alpha);
        }
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
