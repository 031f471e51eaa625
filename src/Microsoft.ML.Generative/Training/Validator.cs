using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>Scores validation batches with the losses of the phases.</summary>
/// <param name="run">Says when to stop.</param>
/// <param name="phases">The phases of the loop: the first one, whose loss chooses the model, and those that validate.</param>
/// <param name="batches">The validation batches.</param>
internal sealed class Validator(TrainingRun run, IReadOnlyList<TrainingPhase> phases, IBatchSource batches)
{
    private readonly TrainingPhase[] _phases = [.. phases.Where((phase, i) => i == 0 || phase.Validates)];

    /// <summary>Scores all batches.</summary>
    /// <param name="context">A step that does not train.</param>
    /// <param name="seed">The seed of each phase's noise; the first phase uses the context's generator.</param>
    public ValidationScores Score(StepContext context, long seed)
    {
        // Each phase has its own noise, so that its losses do not depend on the other phases.
        torch.Generator[] others = [.. _phases.Skip(1).Select(_ => new torch.Generator((ulong)seed))];
        try
        {
            StepContext[] contexts = [context, .. others.Select(generator => context with { Generator = generator })];
            return Score(contexts);
        }
        finally
        {
            foreach (torch.Generator generator in others)
                generator.Dispose();
        }
    }

    private ValidationScores Score(StepContext[] contexts)
    {
        (double sum, long weight) = (0, 0);
        var terms = new WeightedMeans();
        run.ForEachBatch("Validating", batches, batch =>
        {
            if (batch.Weight == 0)
                return;
            for (int i = 0; i < _phases.Length; i++)
            {
                Losses losses = _phases[i].Losses(contexts[i], batch);
                double total = losses.Total.ToDouble();
                if (i == 0)
                    sum += total * batch.Weight;
                // One phase needs no names, and its loss is reported anyway.
                string prefix = _phases.Length == 1 ? "" : $"{_phases[i].Network.Name}.";
                if (_phases.Length > 1)
                    terms.Add($"{prefix}loss", total, batch.Weight);
                foreach ((string name, torch.Tensor value) in losses.Terms)
                {
                    if (value.ToDouble() is var term && !double.IsNaN(term))
                        terms.Add(prefix + name, term, batch.Weight);
                }
            }

            weight += batch.Weight;
        });
        return new ValidationScores(sum / weight, terms.Means);
    }
}

/// <summary>The results of a validation.</summary>
/// <param name="Loss">The first phase's loss.</param>
/// <param name="Terms">The terms of all phases' losses by name.</param>
internal sealed record ValidationScores(double Loss, IReadOnlyDictionary<string, double> Terms);
