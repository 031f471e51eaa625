using System.Text.Json.Nodes;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>
/// What a model file holds beside weights: the architecture, the columns, and what the model does by default. No option of its training
/// belongs here: a new one must not make a model file unreadable.
/// </summary>
internal interface IModelDefinition<out TNetwork>
    where TNetwork : torch.nn.Module
{
    /// <summary>Size of the network's weights in the file.</summary>
    long WeightBytes { get; }

    /// <summary>Creates the network, with weights from libtorch's own generator.</summary>
    TNetwork CreateNetwork();

    /// <summary>Checks that the parts do not contradict each other.</summary>
    /// <exception cref="ArgumentException">They do.</exception>
    void Validate();
}

/// <summary>A definition that reads its form in files of the first formats, which held the options of the training.</summary>
internal interface IReadsOldFormats<TDefinition>
{
    /// <param name="config">The member "config" of the file's <c>config.json</c>.</param>
    /// <exception cref="InvalidDataException">A member is missing, unknown, or has a value that is not possible.</exception>
    static abstract TDefinition ReadOldFormat(JsonObject config);
}
