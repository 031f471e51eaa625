using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>
/// What a model file holds beside weights: the architecture, the columns, and what the model does by default. No option of its training
/// belongs here: a new one must not make a model file unreadable.
/// </summary>
/// <typeparam name="TSelf">The type itself.</typeparam>
internal interface IModelDefinition<TSelf>
{
    /// <summary>The parts of the model that have weights.</summary>
    IReadOnlyList<Component> Components { get; }

    /// <summary>Checks that the members do not contradict each other.</summary>
    /// <exception cref="ArgumentException">They do.</exception>
    void Validate();

    /// <summary>
    /// Reads the form that it had in files of the first formats, which held the options of the training. Refuses, where the kind of model
    /// is younger than these.
    /// </summary>
    /// <param name="config">The member "config" of the file's <c>config.json</c>.</param>
    /// <exception cref="InvalidDataException">A member is missing, unknown, or has a value that is not possible.</exception>
    static virtual TSelf ReadOldFormat(JsonObject config) =>
        throw new InvalidDataException($"'{ModelEntries.Config}' has a format that models of this kind never had.");
}
