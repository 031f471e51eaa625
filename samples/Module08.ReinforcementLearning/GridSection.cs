using Microsoft.ML.Generative.ReinforcementLearning;
using Samples.Shared;

namespace Module08;

/// <summary>A Markov decision process whose probabilities are known, solved exactly.</summary>
internal static class GridSection
{
    public sealed record Line(double Slip, double Random, double Optimal, int Sweeps, int Policies, double Difference);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("1. Markov decision processes: a grid world, solved exactly");
        List<Line> lines = [];
        List<Chart> charts = [];
        foreach (double slip in (double[])[0, 0.2, 0.6])
        {
            MarkovDecisionProcess process = new GridWorld(slip).Process;
            MdpSolution byValues = process.ValueIteration();
            MdpSolution byPolicies = process.PolicyIteration();
            double[] random = process.Evaluate(process.UniformPolicy());
            lines.Add(new Line(
                slip, random[GridWorld.Start], byPolicies.Values[GridWorld.Start], byValues.Iterations, byPolicies.Iterations,
                byValues.Values.Zip(byPolicies.Values, (a, b) => Math.Abs(a - b)).Max()));
            charts.Add(GridWorld.Draw($"Slips with probability {slip:P0}", byPolicies.Values, byPolicies.Policy));
        }

        Chart.SavePanels(lesson.Output.File("grid-world.png", "values and optimal policies of the grid world"), charts, columns: 3);
        DrawSweeps(lesson);
        foreach (Line line in lines)
        {
            Console.WriteLine(
                $"Slip {line.Slip:P0}: from the start, the random policy is worth {line.Random:F3} and the optimal one {line.Optimal:F3}. "
                + $"Value iteration took {line.Sweeps} sweeps, policy iteration {line.Policies} policies; "
                + $"they differ by {line.Difference:G1}.");
        }

        return lines;
    }

    // Bellman's equation, applied again and again.
    private static void DrawSweeps(Lesson lesson)
    {
        MarkovDecisionProcess process = new GridWorld(slip: 0.2).Process;
        List<Chart> charts = [];
        IReadOnlyList<double> values = new double[process.StateCount];
        for (int sweep = 1; sweep <= 12; sweep++)
        {
            double[,] actionValues = process.ActionValues(values);
            values = [.. Enumerable.Range(0, process.StateCount).Select(state =>
                Enumerable.Range(0, process.ActionCount).Max(action => actionValues[state, action]))];
            if (sweep is 2 or 5 or 12)
                charts.Add(GridWorld.Draw($"After {sweep} sweeps", values, actionValues));
        }

        Chart.SavePanels(lesson.Output.File("value-iteration.png", "value iteration, sweep by sweep"), charts, columns: 3);
    }
}
