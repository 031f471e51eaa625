using Microsoft.ML.Generative.ReinforcementLearning;
using Samples.Shared;

namespace Module08;

/// <summary>A robot on a grid: it moves up, down, left or right, and slips to the side now and then.</summary>
internal sealed class GridWorld
{
    private static readonly string[] _map =
    [
        "........",
        "..##....",
        "........",
        "SXXXXXXG",
    ];

    private static readonly (int Row, int Column)[] _moves = [(-1, 0), (1, 0), (0, -1), (0, 1)];

    /// <param name="slip">The probability of moving to one of the two sides in place of ahead.</param>
    public GridWorld(double slip)
    {
        Process = new MarkovDecisionProcess(Rows * Columns, _moves.Length, discount: 0.95, (state, action) =>
        {
            if (IsEnd(state))
                return [new StateTransition(state, 1, 0)];
            (int row, int column) = _moves[action];
            int ahead = Move(state, row, column), left = Move(state, column, row), right = Move(state, -column, -row);
            return
            [
                new StateTransition(ahead, 1 - slip, Reward(ahead)),
                new StateTransition(left, slip / 2, Reward(left)), new StateTransition(right, slip / 2, Reward(right)),
            ];
        });
    }

    public static int Rows => _map.Length;

    public static int Columns => _map[0].Length;

    /// <summary>Where the robot begins.</summary>
    public static int Start => Enumerable.Range(0, Rows * Columns).First(state => At(state) == 'S');

    public MarkovDecisionProcess Process { get; }

    /// <summary>Draws the value of each state, and where a policy goes most often.</summary>
    public static Chart Draw(string title, IReadOnlyList<double> values, double[,] policy)
    {
        double[,] table = new double[Rows, Columns];
        for (int state = 0; state < values.Count; state++)
            table[state / Columns, state % Columns] = At(state) switch { 'G' => 1, 'X' => -1, '#' => double.NaN, _ => values[state] };
        int[] free = [.. Enumerable.Range(0, values.Count).Where(state => At(state) is '.' or 'S')];
        Chart chart = new Chart(title, "column", "row").HeatMap(table, "value").Arrows(null, free.Select(state =>
        {
            (int row, int column) = _moves[Enumerable.Range(0, _moves.Length).MaxBy(action => policy[state, action])];
            return (state % Columns - 0.22 * column, state / Columns + 0.18 - 0.22 * row, 0.44 * column, 0.44 * row);
        }), color: 3, thickness: 2);
        for (int state = 0; state < values.Count; state++)
            chart.Text(state % Columns, state / Columns - 0.12, At(state) is '.' or 'S' ? $"{values[state]:0.00}" : $"{At(state)}");
        return chart;
    }

    private static char At(int state) => _map[state / Columns][state % Columns];

    private static bool IsEnd(int state) => At(state) is 'G' or 'X' or '#';

    // Each step costs a little, so that short ways are better.
    private static double Reward(int next) => At(next) switch { 'G' => 1, 'X' => -1, _ => -0.02 };

    // Walls and borders cannot be passed.
    private static int Move(int state, int rows, int columns)
    {
        (int row, int column) = (state / Columns + rows, state % Columns + columns);
        bool isThere = row >= 0 && row < Rows && column >= 0 && column < Columns && _map[row][column] != '#';
        return isThere ? row * Columns + column : state;
    }
}
